// operand_stream: vectors asked for by an address generator, read from the scratchpad, as a stream.
//   data[i] = scratchpad[address + i] for skip <= i < skip + count, fill elsewhere; with count 0 nothing is read
// Golden: the order is that of the requests, accel_models.golden.streams. Throughput 1/cycle while requests are granted.
// Latency: a request taken in cycle 0 goes to the scratchpad in cycle 1, its vector is offered in cycle 2. Two vectors
// are on their way or wait at most.
// Combinational paths: read_ready_i -> ready_o; read_data_i -> data_o.
`default_nettype none
module operand_stream #(
  parameter  int unsigned Lanes  = 4,
  parameter  bit          Fill   = 1'b1,  // 0: lanes outside skip and count hold anything
  localparam int unsigned LanesW = $clog2(Lanes + 1)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  valid_i,
  output      logic                  ready_o,
  input  wire logic           [20:0] address_i,
  input  wire logic     [LanesW-1:0] skip_i,
  input  wire logic     [LanesW-1:0] count_i,
  input  wire logic            [7:0] fill_i,
  output      logic                  read_valid_o,  // scratchpad
  input  wire logic                  read_ready_i,
  output      logic           [20:0] read_addr_o,
  output      logic     [LanesW-1:0] read_skip_o,
  output      logic     [LanesW-1:0] read_count_o,
  input  wire logic [Lanes-1:0][7:0] read_data_i,   // in the cycle after the grant
  output      logic                  valid_o,
  input  wire logic                  ready_i,
  output      logic [Lanes-1:0][7:0] data_o
);
  // The request. A vector leaves (issue) when there will be room for it.
  logic       held_q, room, issue, pop;
  logic [1:0] issued_q;  // vectors issued and not taken yet
  assign room         = issued_q != 2'd2;
  assign issue        = held_q && room && (read_ready_i || read_count_o == '0);
  assign ready_o      = !held_q || issue;
  assign read_valid_o = held_q && room && read_count_o != '0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      held_q   <= 1'b0;
      issued_q <= '0;
    end else begin
      if (ready_o) held_q <= valid_i;
      issued_q <= issued_q + 2'(issue) - 2'(pop);
    end
  end
  always_ff @(posedge clk_i) begin
    if (ready_o) begin
      read_addr_o  <= address_i;
      read_skip_o  <= skip_i;
      read_count_o <= count_i;
    end
  end

  // The answer.
  logic                  fresh_q;
  logic [Lanes-1:0][7:0] fresh;
  if (Fill) begin : gen_fill
    logic [LanesW-1:0] skip_q, stop_q;
    always_ff @(posedge clk_i) begin
      skip_q <= read_skip_o;
      stop_q <= read_skip_o + read_count_o;
    end
    always_comb begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        fresh[l] = (LanesW'(l) >= skip_q && LanesW'(l) < stop_q) ? read_data_i[l] : fill_i;
      end
    end
  end else begin : gen_no_fill
    logic unused;
    assign unused = ^fill_i;
    assign fresh  = read_data_i;
  end

  // What was not taken at once. stored_q: 0 to 2 vectors; with 2 of them none is fresh.
  logic            [1:0] stored_q;
  logic [Lanes-1:0][7:0] first_q, second_q;
  logic                  shift, keep;
  assign valid_o = fresh_q || stored_q != '0;
  assign data_o  = (stored_q != '0) ? first_q : fresh;
  assign pop     = valid_o && ready_i;
  assign shift   = pop && stored_q != '0;
  assign keep    = fresh_q && !(pop && stored_q == '0);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fresh_q  <= 1'b0;
      stored_q <= '0;
    end else begin
      fresh_q  <= issue;
      stored_q <= stored_q + 2'(keep) - 2'(shift);
    end
  end
  always_ff @(posedge clk_i) begin
    if (keep && (stored_q == '0 || shift)) first_q <= fresh;
    else if (shift) first_q <= second_q;
    if (keep) second_q <= fresh;
  end

  always_ff @(posedge clk_i) begin
    a_room : assert (!(fresh_q && stored_q == 2'd2) && issued_q == stored_q + 2'(fresh_q));
  end
endmodule
`default_nettype wire
